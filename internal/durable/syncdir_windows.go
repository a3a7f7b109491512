package durable

// SyncDir does nothing on Windows, which has no way to bring a directory to
// the disk.
func SyncDir(dir string) error { return nil }
