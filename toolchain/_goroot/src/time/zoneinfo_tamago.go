package time

// There is no zone data unless the program carries it (package time/tzdata) or
// puts it here.
var platformZoneSources = []string{"/usr/share/zoneinfo/"}

func initLocal() { localLoc.name = "UTC" }
