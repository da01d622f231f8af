// Watcher
