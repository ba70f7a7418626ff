package main

import "errors"

func makeISO(dir, out string) error       { return errors.New("x") }
func makeUSB(efi, data, out string) error { return errors.New("x") }
