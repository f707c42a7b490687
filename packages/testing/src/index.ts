export { createTestDatabase, TEST_SERVER_VARIABLE, type TestDatabase } from './createTestDatabase.ts';
export { LogRecorder, type LogEntry } from './LogRecorder.ts';
export { runReadmeExample } from './runReadmeExample.ts';
export { SeededRandom } from './SeededRandom.ts';
export { SimulatedClock } from './SimulatedClock.ts';
export { TCPFaultProxy } from './TCPFaultProxy.ts';
export { waitFor } from './waitFor.ts';
