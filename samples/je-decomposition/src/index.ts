export { JournalError, type JournalErrorCode, type JournalErrorPlace } from './journal/errors.js';
export { MAX_JOURNAL_LINES, SUSPENSE_ACCOUNT, accountClassName, type Journal } from './journal/journal.js';
export { parseJournalCsv, readJournalCsv, readJournalCsvFile, type JournalCsvOptions } from './journal/csv-reader.js';
export { journalCsv } from './journal/csv-writer.js';
export { generateJournal, type GenerateOptions } from './journal/generate.js';
export {
  BASE_CONFIDENCE,
  MAX_SEARCH_POOL,
  METHOD,
  METHOD_NAMES,
  NODE_BUDGET,
  methodName,
  type FlowDirection,
  type MethodCode,
  type MethodName,
} from './rules/method.js';
export { decomposeSubEntry, type Flow, type RuleLine } from './rules/oracle.js';
export { checkInvariants, type Violation } from './rules/invariants.js';
export { allocateFlowColumns, type FlowColumns } from './rules/flow-columns.js';
export { decomposePlain, allocatePlainWorkspace, type PlainWorkspace } from './baseline/plain-js.js';
export { FLOWS_CSV_HEADER, flowsCsv } from './report/flows-csv.js';
export { accountTotalsOfFlows, accountTotalsOfLines, type AccountTotal } from './report/account-totals.js';
export { checkConservation, isConserved, type Conservation } from './report/conservation.js';
export { jeDecomposition } from './kernel/je.kernel.js';
export {
  FlowCollector,
  decompositionInputs,
  type DecompositionInputs,
  type DecompositionOutputs,
} from './kernel/journal-columns.js';
export {
  decomposeJournal,
  type DecomposeOptions,
  type DecomposeProgress,
  type Decomposition,
  type DecompositionExecutor,
} from './decompose.js';
