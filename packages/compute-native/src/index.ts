export type { NativeAddon, NativeRegion } from './addon/native-addon.js';
