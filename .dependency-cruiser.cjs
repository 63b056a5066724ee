// The layers of the workspace. Each package may import its row here, and nothing else of ours.
const layers = {
  protocol: [],
  abstractions: ['protocol'],
  kernels: ['abstractions', 'protocol'],
  runtime: ['abstractions', 'protocol'],
  streams: ['abstractions', 'protocol'],
  'compute-cpu': ['abstractions', 'protocol'],
  'compute-native': ['abstractions', 'protocol'],
  silo: ['abstractions', 'protocol'],
  'cluster-nats': ['abstractions', 'protocol'],
  audit: ['abstractions', 'protocol'],
  testkit: ['abstractions', 'protocol'],
  grains: ['abstractions', 'streams'],
  hosting: [
    ...['abstractions', 'protocol', 'kernels', 'runtime', 'streams', 'compute-cpu', 'compute-native'],
    ...['silo', 'cluster-nats', 'audit', 'grains'],
  ],
  cli: ['abstractions', 'kernels', 'audit', 'hosting'],
  unplugin: ['abstractions', 'kernels'],
};

// Tests, and what several tests of a package share.
const testFile = '([.](test|test-d)[.]ts|/src/testing/.*)$';

// A sibling resolves to `packages/x/dist` when it is linked and built, and stays `@gpu-bridge/x` when it is not:
// an import that breaks a layer is usually not linked at all.
const ours = (names) => `^(packages|@gpu-bridge)/(${names.join('|')})(/|$)`;
const external = (name) => `(^|/)node_modules/${name}/|^${name}(/|$)`;

const layerRules = Object.entries(layers).flatMap(([name, allowed]) => [
  {
    name: `layer-${name}`,
    comment: `${name} may import of ours: ${allowed.join(', ') || 'nothing'}. Siblings meet through abstractions.`,
    severity: 'error',
    from: { path: `^packages/${name}/`, pathNot: testFile },
    to: { path: '^(packages|@gpu-bridge)/', pathNot: ours([name, ...allowed]) },
  },
  {
    name: `layer-${name}-tests`,
    comment: `Tests of ${name} may import what it may, and testkit.`,
    severity: 'error',
    from: { path: `^packages/${name}/.*${testFile}` },
    to: { path: '^(packages|@gpu-bridge)/', pathNot: ours([name, 'testkit', ...allowed]) },
  },
]);

module.exports = {
  forbidden: [
    ...layerRules,
    {
      name: 'known-package',
      comment: 'A new package gets its row in the table above first.',
      severity: 'error',
      from: { path: '^packages/', pathNot: ours(Object.keys(layers)) },
      to: {},
    },
    {
      name: 'samples-import-the-public-api',
      comment:
        'A sample shows what a user writes: hosting, grains, streams, kernels, abstractions, and other samples by name.',
      severity: 'error',
      from: { path: '^samples/' },
      to: {
        path: '^(packages|@gpu-bridge)/',
        pathNot: [ours(['hosting', 'grains', 'streams', 'kernels', 'abstractions']), '^@gpu-bridge/sample-'],
      },
    },
    {
      name: 'packages-do-not-import-programs',
      comment: 'Samples, tests and benchmarks use the packages, never the other way round.',
      severity: 'error',
      from: { path: '^packages/' },
      to: { path: '^(samples|tests|bench)/' },
    },
    {
      name: 'entry-points-only',
      comment: 'Another package is imported by its name, never by a path into it: deep imports hide missing API.',
      severity: 'error',
      from: { path: '^(packages/[^/]+|samples/[^/]+|tests|bench)/' },
      to: {
        path: '^(packages/[^/]+|samples/[^/]+|tests|bench)/',
        // The compiler's random programs are no API, and native devices have to run them too.
        pathNot: ['^$1/', '^packages/kernels/src/testing/'],
        // A relative path; what is imported by name has another type, whatever file it resolves to.
        dependencyTypes: ['local'],
      },
    },
    {
      name: 'inversify-only-in-modules',
      comment:
        'Classes take plain constructor arguments; the container is known to module.ts files, to hosting, and to the program that hosts.',
      severity: 'error',
      from: { path: '^packages/', pathNot: ['^packages/[^/]+/src/module([.]test)?[.]ts$', '^packages/(hosting|cli)/'] },
      to: { path: external('inversify') },
    },
    {
      name: 'rxjs-values-only-in-streams',
      comment:
        'Elsewhere rxjs is a type; only streams, runtime and grains create or pipe Observables. A benchmark of streams may.',
      severity: 'error',
      from: { path: '^(packages|bench)/', pathNot: '^(packages/(streams|runtime|grains)|bench/src/stream)/' },
      to: { path: external('rxjs'), dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'nats-only-in-cluster-nats',
      comment: 'The engine is known to its port alone; benchmarks compare with the bare client.',
      severity: 'error',
      from: { path: '^(packages|samples)/', pathNot: '^packages/cluster-nats/' },
      to: { path: external('@nats-io') },
    },
    {
      name: 'no-cycles',
      comment: 'A cycle makes the result depend on which file is imported first. Types load nothing and may be mutual.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'resolvable',
      comment: 'The import names nothing: a typing error, or a dependency that package.json does not list.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: '(^|/)(node_modules|dist)/' },
    exclude: { path: '^[^@]*[.]config[.]ts$' },
    // Type imports are dependencies between packages as well.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['types', 'import', 'node', 'default'],
      mainFields: ['module', 'main', 'types'],
    },
  },
};
