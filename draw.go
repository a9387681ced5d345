package em

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
)

// drawDomain begins every message of Draw, so that no other use of the same key
// can give its output.
const drawDomain = "em draw 1"

// Draw returns a number in [0, n), evenly distributed: the chance behind times
// that nobody can foresee without the key and everybody who has it can compute
// again, such as unannounced check-ins and breath tests. It is a function of
// its arguments alone. For n of 0 the result is 0.
//
// The key should be 32 random bytes, kept secret for as long as draws under it
// lie in the future; whoever has it knows all of them. Publish a SHA-256 of it
// beforehand, and the key afterwards, and it can be shown that no draw was
// chosen. One key may serve many persons: subject, date (the local day,
// "2026-03-14") and slot (the rule and its number on that day, "evening/0")
// tell draws apart and must do so: the same three give the same number.
//
// # How to compute it again
//
// Let str(s) be the length of s in bytes as 8 bytes, big-endian, and then the
// bytes of s (UTF-8). For i = 0, 1, 2, … let
//
//	m = str("em draw 1") str(subject) str(date) str(slot) i as 8 bytes, big-endian
//	v = the first 8 bytes of HMAC-SHA-256(key, m) as a big-endian number
//
// The result is v mod n for the first v that is below the largest multiple of n
// that is at most 2^64. In Python:
//
//	def draw(key, subject, date, slot, n):
//	    enc = lambda s: len(s.encode()).to_bytes(8, "big") + s.encode()
//	    head = b"".join(map(enc, ("em draw 1", subject, date, slot)))
//	    for i in itertools.count():
//	        m = hmac.digest(key, head + i.to_bytes(8, "big"), "sha256")
//	        v = int.from_bytes(m[:8], "big")
//	        if v < 2**64 // n * n:
//	            return v % n
func Draw(key []byte, subject SubjectID, date, slot string, n uint64) uint64 {
	if n == 0 {
		return 0
	}
	var buf [192]byte
	m := buf[:0]
	for _, s := range [...]string{drawDomain, string(subject), date, slot} {
		m = append(binary.BigEndian.AppendUint64(m, uint64(len(s))), s...)
	}
	// 2^64 mod n: as many values at the top would favour the small results.
	surplus := -n % n
	mac := hmac.New(sha256.New, key)
	var sum [sha256.Size]byte
	var count [8]byte
	for i := uint64(0); ; i++ {
		mac.Reset()
		mac.Write(m)
		binary.BigEndian.PutUint64(count[:], i)
		mac.Write(count[:])
		if v := binary.BigEndian.Uint64(mac.Sum(sum[:0])); v <= ^surplus {
			return v % n
		}
	}
}
