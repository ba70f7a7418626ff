//go:build !tamago

package runtime

func handover(*m, *p) *g { return nil }
