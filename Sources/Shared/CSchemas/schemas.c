int mz_placeholder2(void); int mz_placeholder2(void) { return 0; }
