int mz_placeholder(void); int mz_placeholder(void) { return 0; }
