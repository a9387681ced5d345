// Package rftrack speaks with RF-Track monitoring units: fixed or carried, each
// with a paired radio bracelet whose state it uploads over HTTP.
//
//	POST /deviceDataUpload.do HTTP/1.1
//	Content-Length: …
//
//	i=990000000000017&t=1773480413000&id=39163&rc=0&idt=140736414711817&gps={"a":30.0,"y":54.7,…}
//
// The form's values are not percent-encoded: JSON stands in them as it is, and an
// ampersand inside a JSON text ends no field. The reply is 200 with the body "{}",
// or with one command, which it acknowledges nothing by; 400 to a unit that is not
// known.
//
// A frame of [Codec] is a whole request or reply, so that capture, dump and the
// conformance kit work as for any stream, and a protocol.Link serves a unit's
// connection by itself. In an HTTP server [Handler] drives the same sessions, one a
// unit, and answers only after Commit; bodies are bounded to 6 KB.
//
// # What a report becomes
//
//   - gps: an em.Fix at its own time; FixLastKnown where that is more than five
//     minutes before the report's, FixInvalid where the form has none. Its accuracy
//     is taken for the 68 % radius.
//   - id and idt: an em.Beacon of radio "rf", the paired bracelet: in contact at its
//     last heartbeat, Lost where that is over five minutes ago or beyond the counter.
//   - rc: where its high half, the bracelet's status, is not 0, an em.Tamper of
//     TamperOther with both halves as Code ("0001:0002"), with each report; cleared
//     when it is 0 again.
//   - bat: an em.Power with the level; plug and charge states in an em.Vendor.
//   - v, gsm, wifi: an em.Comms, a sign of life. A cell's level has no unit and is
//     left out.
//   - the counters of idt and mt, rc, i_ids and u_ids (bracelets heard), dbm, bar
//     and cob: an em.Vendor "rftrack.bracelet".
//
// td, a second clock, is hours off in the captured report and is not used.
//
// # Security
//
// Nothing on the wire is secret or proves who speaks: put TLS with client
// certificates, or the operator's private network, in front.
//
// # Source
//
// The open-source decoder of traccar (2022-09-27) and the one report captured
// there; the maker is not stated.
//
// # Unverified
//
//   - The codes of rc, the states of plug and of charge but 1 (charging), and which
//     texts a unit takes as commands.
//   - That the fields of idt are 15 bits wide, as mt's are; the decoder masks two
//     with 16. The meaning of the fourth.
//   - That a bracelet beats more often than every five minutes; that the accuracy is
//     a 68 % radius; that a unit which gets no reply sends the same report again.
package rftrack
