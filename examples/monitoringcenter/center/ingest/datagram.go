package ingest

import (
	"context"
	"net/netip"

	"github.com/sargas-em/em/examples/internal/datagram"
	"github.com/sargas-em/em/protocol"
)

// serveDatagrams serves UDP: each sender's address is a conversation, over which
// each datagram is one frame.
func (s *Server) serveDatagrams(ctx context.Context, b bound) error {
	dev, err := s.cfg.Registry.Device(b.Codec)
	if err != nil {
		return err
	}
	srv := &datagram.Server{
		MaxPeers: b.MaxConns, MaxPerAddr: b.MaxPerAddr, Group: network, Grace: Drain,
		OnReject: func(_ netip.AddrPort, reason error) { s.metrics.reject(b.Listener, reason) },
		Handler: func(ctx context.Context, conn *datagram.Conn) {
			s.talk(ctx, s.gate(ctx, b.Listener, conn.RemoteAddr()), dev, conn, protocol.Limits{First: firstDatagram})
		},
	}
	return srv.Serve(ctx, b.packets)
}
