package conformance

const brokenEnv = "CONFORMANCE_BROKEN_CLIENT"

func broken(string, []string) int { return 1 }
