// Package nmea reads and writes what the dialects of the NMEA 0183 family
// share: coordinates as ddmm.mmmm with a hemisphere, times as hhmmss with
// ddmmyy, plain numbers between commas, two-digit check codes, and the RMC
// sentence that many trackers pass on from their receiver.
//
// The Read functions take one or two comma-separated fields from a wire.Cursor; a
// field that breaks its format makes the cursor fail with a *wire.FieldError that
// wraps wire.ErrValue. Values keep the digits that were sent (em.Decimal), so that
// what was read is written back as it came. An empty or blank field is absent, never
// zero. The Plain functions read the usual form of a field and nothing else, faster: see
// Odd.
package nmea
