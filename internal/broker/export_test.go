package broker

import "time"

// Hurry gives clients no more than wait for anything.
func Hurry(b *Broker, wait time.Duration) {
	b.waits = waits{header: wait, request: wait, answer: wait, stream: wait, idle: time.Minute}
}
