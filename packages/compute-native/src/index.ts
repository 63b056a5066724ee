export { createNativeBackends } from './native-backend.js';
