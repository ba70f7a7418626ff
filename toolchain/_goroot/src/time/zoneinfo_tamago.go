package time

// There is no zone data unless the program carries it (package time/tzdata).
var platformZoneSources []string

func initLocal() { localLoc.name = "UTC" }
