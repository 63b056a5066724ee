export interface NatsServerOptions {
  /** Default: a free one. */
  readonly port?: number;
  readonly name?: string;
  /** Default true. */
  readonly jetStream?: boolean;
  /** More lines of the configuration file: users, TLS, limits. */
  readonly config?: string;
}

/** A server on loopback with a folder of its own. It ends with this process at the latest. */
export interface NatsServer extends AsyncDisposable {
  readonly port: number;
  readonly name: string;
  readonly url: string;
  readonly folder: string;
  readonly pid: number | undefined;
  /** Starts it again, at the same port and with what its folder holds. Resolves when it answers clients. */
  start(): Promise<void>;
  /** Everything it wrote to its log. */
  log(): string;
  /** Ends it in the middle of whatever it does; its folder stays. Default `SIGKILL`. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Freezes it: connections stay, nothing answers. */
  pause(): void;
  resume(): void;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

export interface NatsCluster extends AsyncDisposable {
  readonly servers: readonly NatsServer[];
  readonly urls: readonly string[];
  stop(): Promise<void>;
}

/** Why no server can be started here; undefined where one can. */
export function natsServerAbsence(): string | undefined;
export function startNatsServer(options?: NatsServerOptions): Promise<NatsServer>;
/** Servers that form one cluster; resolves when all answer clients, which is before they have elected a leader. */
export function startNatsCluster(options?: NatsServerOptions & { readonly size?: number }): Promise<NatsCluster>;
