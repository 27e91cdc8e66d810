// tour shows classic publish and subscribe with go-redis, station by station, or runs one of its programs:
// `tour resilient CHANNEL...`, `tour monitor [PATTERN]`.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"
)

var stations = []struct {
	name  string
	visit func(context.Context, *guide)
}{
	{"channels", channels},
	{"patterns", patterns},
	{"introspection", introspection},
	{"reconnecting", reconnecting},
	{"lagging", lagging},
}

func main() {
	log.SetFlags(0)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	switch arguments := os.Args[1:]; {
	case len(arguments) == 0:
		expectServer()
		tour(ctx)
	case arguments[0] == "resilient" && len(arguments) > 1:
		expectServer()
		resilient(ctx, arguments[1:])
	case arguments[0] == "monitor" && len(arguments) == 1:
		expectServer()
		monitor(ctx, "*")
	case arguments[0] == "monitor" && len(arguments) == 2:
		expectServer()
		monitor(ctx, arguments[1])
	default:
		log.Fatal("usage: tour [resilient CHANNEL... | monitor [PATTERN]]")
	}
}

// tour visits every station.
func tour(ctx context.Context) {
	client := connect("")
	defer client.Close()
	for _, station := range stations {
		fmt.Println("==", station.name)
		station.visit(ctx, &guide{client})
	}
}
