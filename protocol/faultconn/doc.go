// Package faultconn is a connection that loses, doubles, reorders, damages,
// delays and cuts what goes over it, for tests and for simulated devices.
//
// What it does follows from a seed and from what is sent, never from the timing:
// the fate of the n-th frame of a direction is the same however the bytes were
// cut into reads and writes, and the two directions know nothing of each other.
// So a run that found a fault can be had again.
//
//	conn, err := faultconn.New(conn, faultconn.Config{
//		Seed:  7,
//		Split: device.Codec.Split, MaxFrame: device.MaxFrame,
//		Write: faultconn.Faults{Drop: 0.02, Flip: 0.001},
//	})
//
// With Config.Split the unit of a fault is a frame of that dialect; without it a
// cell of 16 bytes, counted from the beginning of the stream, and faults that
// need a whole unit, Duplicate and Reorder, are refused.
//
// A Conn has no goroutine of its own. A delay is spent inside Read and Write,
// which deadlines and Close end early: it is a slow line, not a long one.
package faultconn
