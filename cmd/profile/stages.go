package main

import "strings"

// stage is a part of an operation that begins when a function is entered.
type stage struct {
	function string // the function's name, or its end after a dot
	name     string
}

// firstStage is what comes before the first stage that a table names.
const firstStage = "ring 3 and trap"

// stagesOf gives the stages of a rung; none for a rung nobody has cut up.
func stagesOf(rung string) []stage { return nil }

// nextStage names the stage that begins with an instruction, "" if none does.
func nextStage(list []stage, name string, entry bool) string {
	if !entry {
		return ""
	}
	for _, s := range list {
		if name == s.function || strings.HasSuffix(name, "."+s.function) {
			return s.name
		}
	}
	return ""
}
