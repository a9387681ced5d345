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
// To support another device, fill in a Device (see the packages under devices)
// and run the kit of package codectest on it.
package protocol
