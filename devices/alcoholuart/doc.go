// Package alcoholuart speaks with the electrochemical ethanol modules of the
// Winsen ZE29A, ZE30 and ZE31 class (also sold as DFRobot SEN0376), which are
// built into kiosks and interlocks: nine bytes a frame over a serial line of
// 9600 baud, 8N1.
//
//	FF 01 86 00 00 00 00 00 79    read: host → module
//	FF 86 00 00 00 00 00 20 5A    its reply: 32 ppb
//	FF 01 78 41 00 00 00 00 46    answer when asked (40: upload every second)
//	FF 17 04 00 00 20 13 88 2A    upload: ethanol, ppb, no decimals, 32 of 5000
//
// The last byte makes the sum of all but the first zero. A frame that is cut or
// broken costs no other: the search goes on one byte behind its FF.
//
// # What is observed
//
// The module measures the air at its inlet. It knows nothing of breaths: when a
// person blows, how deep, and who it is, is the business of what it is built
// into. So the session makes one em.AlcoholReading of each reply to a read
// request: somebody asked. Whoever runs the kiosk asks at the right moment, by
// way of protocol.Link.Do, with a [Read]; or [Config.Poll] asks all the time.
//
// The reading's unit is em.UnitRaw, and its number the module's own, in ppb.
// What it means as a breath alcohol concentration depends on the calibration,
// the flow and the place in the apparatus; no rule for breath relates it to a
// limit before somebody has (package alcohol tells it as not comparable).
//
// Uploads, which come every second, are not samples: once in Config.Every one is
// an em.Vendor "alcoholuart.air". As long as uploads come the session asks the
// module to stop, unless Config.Uploads says otherwise.
//
// The wire carries no identity and no time: the module is whatever
// protocol.SessionConfig.Identity says is at that port, and the time is that of
// reception. Nothing is acknowledged and nothing kept: a frame that is lost is
// lost, and the host asks again. On a serial line that is asked now and then run
// the Link with Limits.First and Limits.Idle below zero.
//
// # Source
//
// DFRobot's page on SEN0376 and the pages of Winsen's ZE07 manuals, which have the
// same commands and check code; the ZE30's page for the line (2026).
//
// # Unverified
//
//   - All of it on hardware, and that the ZE29A answers these commands: its own,
//     for a breath that is blown, are not public.
//   - That a reply counts ppb, as the module's uploads do. It says no unit.
//   - That bytes 2 and 3 of a reply mean µg/m³, as on the ZE07; ethanol modules
//     send zeros. They are kept in an em.Vendor where they are not zero.
//   - DFRobot prints the read command with 20h in byte 7. Its check code is the
//     one for 00h, which is what is sent here.
//   - What a module answers to the change of its mode: such frames are unsupported
//     and kept as they are.
package alcoholuart
