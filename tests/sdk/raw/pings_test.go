package raw

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"belfry/tests/sdk/raw/belfry"
	"belfry/tests/sdk/raw/fake"

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

// Pings an address on a connection without streams, and returns what went wrong.
func ping(address string) error {
	connection, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer connection.Close()
	if _, err := connection.Write([]byte(http2.ClientPreface)); err != nil {
		return err
	}
	client := &pinger{framer: http2.NewFramer(connection, connection)}
	if err := client.write(func() error { return client.framer.WriteSettings() }); err != nil {
		return err
	}
	read := make(chan error, 1)
	go func() { read <- client.read() }()
	for range pings {
		send := func() error { return client.framer.WritePing(false, [8]byte{1, 2, 3}) }
		if err := client.write(send); err != nil {
			return err
		}
		select {
		case err := <-read:
			return err
		case <-time.After(pingPause):
		}
	}
	select {
	case err := <-read:
		return err
	case <-time.After(soon):
		return fmt.Errorf("not all of %d pings were answered", pings)
	}
}

// A client that hears nothing pings. gRPC-Go hears the scheduler's own pings and so stays silent;
// this one pings all the same, and gets no GOAWAY for it.
func TestPingsAreWelcome(t *testing.T) {
	t.Parallel()
	if err := ping(belfry.StartScheduler(t).Address); err != nil {
		t.Fatal(err)
	}
}

// The test above must see a GOAWAY when there is one: gRPC-Go's server minds such pings.
func TestAGoAwayForPingsIsNoticed(t *testing.T) {
	t.Parallel()
	err := ping(fake.Start(t).Address)
	if err == nil || !strings.Contains(err.Error(), "ENHANCE_YOUR_CALM") {
		t.Fatalf("expected a GOAWAY, got %v", err)
	}
}
