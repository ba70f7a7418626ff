package vmo

import "faultline/zx"

// CreateChild is where clones, slices and references will be made. For now it
// does the checks that come before the kind-specific rules and then refuses.
//
// Pre: the caller rounds nothing: size is as given to the call.
// Errors, in this order: ErrOutOfRange rounding size wraps | ErrInvalidArgs
// NO_WRITE with RESIZABLE, no kind, or an option the kind does not allow |
// ErrNotSupported every kind, for now. The handle look-up belongs between the
// second and the third; CheckChild splits them.
// Source: spec section 3.15.
func (v *VMO) CreateChild(options uint32, off, size uint64) (*VMO, zx.Status) {
	if st := CheckChild(options, size); st != zx.OK {
		return nil, st
	}
	allowed := zx.VMOChildNoWrite | zx.VMOChildResizable
	var kind uint32
	for _, k := range []uint32{
		zx.VMOChildSlice, zx.VMOChildReference, zx.VMOChildSnapshot,
		zx.VMOChildSnapshotAtLeastOnWrite, zx.VMOChildSnapshotModified,
	} {
		if options&k != 0 {
			kind = k
			break
		}
	}
	if kind == zx.VMOChildSlice {
		allowed = zx.VMOChildNoWrite
	}
	if kind == 0 || options&^(kind|allowed) != 0 {
		return nil, zx.ErrInvalidArgs
	}
	return nil, zx.ErrNotSupported
}

// CheckChild is the part of CreateChild that comes before the handle is looked
// up: steps 1 and 2 of spec section 3.15.
func CheckChild(options uint32, size uint64) zx.Status {
	if _, ok := zx.RoundUp(size); !ok {
		return zx.ErrOutOfRange
	}
	if options&zx.VMOChildNoWrite != 0 && options&zx.VMOChildResizable != 0 {
		return zx.ErrInvalidArgs
	}
	return zx.OK
}
