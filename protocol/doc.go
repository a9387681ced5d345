// Package protocol is the vocabulary of a conversation with a device.
//
// A Codec turns bytes into frames and frames into Messages, and back; it is a
// stateless value. A Session turns Messages into observations and replies; it
// does no I/O and reads no clock. A Device ties the two together under a name.
// A Link drives one session over one connection, and sends an acknowledgement
// only after its Commit has said that the observations are durable.
//
//	bytes ─Codec.Split→ frame ─Codec.Decode→ Message ─Session.Handle→ Output{Observations, Send}
//
// Time is an argument everywhere but in Link, which reads the clock once for
// each read; the same instant is Report.Received and the session's now, so that
// a record can be replayed to the same observations.
//
// Link.Command tells a device what to do, and how far that has come. Link.Tap sees
// all that passes: package capture makes a file of it, from which a Derivation
// makes the same reports again. Registry.Detect finds the dialect of a stream on a
// port that many share.
//
// What comes from the network is bounded: a Splitter keeps MaxFrame bytes, a
// Report has a limited number of frames, and Limits say how long and how wrong
// a peer may be.
//
// To support another device, fill in a Device (see the packages under devices)
// and run the kit of package codectest on it.
package protocol
