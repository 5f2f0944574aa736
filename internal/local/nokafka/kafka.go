// Package kafka stands in for github.com/segmentio/kafka-go in this program
// (see the replace directive in go.mod).
//
// versitygw links that library in for its event notifications, which the
// embedded store does not have, and its initialisers took a fifth of the time
// that every hoist command needs to start. What versitygw names of it is here,
// and nothing can be sent.
package kafka

import (
	"context"
	"errors"
	"time"
)

// WriterConfig says where a Writer would write.
type WriterConfig struct {
	Brokers      []string
	Topic        string
	Balancer     Balancer
	BatchTimeout time.Duration
}

// Balancer would choose a partition.
type Balancer any

// LeastBytes is a Balancer.
type LeastBytes struct{}

// Message would be written.
type Message struct{ Key, Value []byte }

// Writer writes nothing.
type Writer struct{}

// NewWriter returns a Writer.
func NewWriter(WriterConfig) *Writer { return &Writer{} }

// WriteMessages always fails.
func (*Writer) WriteMessages(context.Context, ...Message) error {
	return errors.New("this program is built without Kafka")
}

// Close does nothing.
func (*Writer) Close() error { return nil }
