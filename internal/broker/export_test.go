package broker

import "time"

// Shrink makes gipity's files of that many bytes large ones.
func Shrink(b *Broker, from, size int64) { b.parts = partPlan{from, size} }

// Hurry gives clients no more than wait for anything.
func Hurry(b *Broker, wait time.Duration) {
	b.waits = waits{header: wait, request: wait, answer: wait, stream: wait, idle: time.Minute}
}
