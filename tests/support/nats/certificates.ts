import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface KeyPair {
  readonly certFile: string;
  readonly keyFile: string;
}

/** An authority made for one test, and certificates that it signed. */
export interface TestAuthority extends Disposable {
  readonly caFile: string;
  /** For servers on loopback; or made for another host. */
  readonly server: KeyPair;
  readonly strangeServer: KeyPair;
  readonly client: KeyPair;
}

export function createAuthority(): TestAuthority {
  const folder = mkdtempSync(join(tmpdir(), 'gpu-bridge-certificates-'));
  const path = (name: string): string => join(folder, name);
  const openssl = (...args: readonly string[]): void => void execFileSync('openssl', args, { stdio: 'pipe' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const [caFile, caKey] = [path('ca.pem'), path('ca.key')];
  openssl('req', '-x509', ...newKey, '-keyout', caKey, '-out', caFile, '-subj', '/CN=authority', '-days', '2');
  const sign = (name: string, extension: string): KeyPair => {
    const [certFile, keyFile, request] = [path(`${name}.pem`), path(`${name}.key`), path(`${name}.csr`)];
    writeFileSync(path('extension'), extension);
    openssl('req', ...newKey, '-keyout', keyFile, '-out', request, '-subj', `/CN=${name}`);
    const signer = ['-CA', caFile, '-CAkey', caKey, '-CAcreateserial', '-days', '2'];
    openssl('x509', '-req', '-in', request, ...signer, '-extfile', path('extension'), '-out', certFile);
    return { certFile, keyFile };
  };
  return {
    caFile,
    server: sign('server', 'subjectAltName=IP:127.0.0.1,DNS:localhost'),
    strangeServer: sign('strange', 'subjectAltName=DNS:elsewhere.example'),
    client: sign('client', 'extendedKeyUsage=clientAuth'),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Lines of a server's configuration. */
export function tlsConfig({ certFile, keyFile }: KeyPair, verifyWith?: string): string {
  const verify = verifyWith === undefined ? '' : `, verify: true, ca_file: "${verifyWith}"`;
  return `tls { cert_file: "${certFile}", key_file: "${keyFile}"${verify} }`;
}
