/** Stands for no node in columns of nodes. */
export const NONE = 0xffff_ffff;
