package raw

import (
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"belfry/tests/sdk/raw/belfry"

	"golang.org/x/net/http2"
)

const (
	pings = 30
	// As often as is promised to be allowed.
	pingPause = 1100 * time.Millisecond
)

// An HTTP/2 client that does nothing but ping.
type pinger struct {
	framer  *http2.Framer
	writing sync.Mutex
}

func (p *pinger) write(what func() error) error {
	p.writing.Lock()
	defer p.writing.Unlock()
	return what()
}

// Reads until so many pings were answered, and answers those of the other side.
func (p *pinger) read() error {
	for acks := 0; acks < pings; {
		frame, err := p.framer.ReadFrame()
		if err != nil {
			return err
		}
		switch frame := frame.(type) {
		case *http2.GoAwayFrame:
			return fmt.Errorf("GOAWAY after %d pings: %v", acks, frame.ErrCode)
		case *http2.PingFrame:
			if frame.IsAck() {
				acks++
				continue
			}
			data := frame.Data
			err = p.write(func() error { return p.framer.WritePing(true, data) })
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				err = p.write(p.framer.WriteSettingsAck)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// A client that hears nothing pings. gRPC-Go hears the scheduler's own pings and so stays silent;
// this one pings all the same, on a connection without streams, and gets no GOAWAY for it.
func TestPingsAreWelcome(t *testing.T) {
	t.Parallel()
	scheduler := belfry.StartScheduler(t)
	connection, err := net.Dial("tcp", scheduler.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if _, err := connection.Write([]byte(http2.ClientPreface)); err != nil {
		t.Fatal(err)
	}
	client := &pinger{framer: http2.NewFramer(connection, connection)}
	if err := client.write(func() error { return client.framer.WriteSettings() }); err != nil {
		t.Fatal(err)
	}
	read := make(chan error, 1)
	go func() { read <- client.read() }()
	for range pings {
		ping := func() error { return client.framer.WritePing(false, [8]byte{1, 2, 3}) }
		if err := client.write(ping); err != nil {
			t.Fatalf("%v; %v", err, <-read)
		}
		time.Sleep(pingPause)
	}
	select {
	case err := <-read:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(soon):
		t.Fatalf("not all of %d pings were answered", pings)
	}
}
