// Package harness is what the Go programs share: the list of cases, the way to ask something of the harness, comparisons.
package harness

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"time"
)

// deadline ends a case that waits for something that never comes.
const deadline = 20 * time.Second

// Main runs the case that the first argument names, or lists all of them.
func Main(cases map[string]func(context.Context)) {
	if os.Args[1] == "--list" {
		for name := range cases {
			fmt.Println(name)
		}
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	cases[os.Args[1]](ctx)
}

// Ask returns when the harness has done this: "restart" starts the server where subscribers are again, on the same port.
func Ask(order string) {
	fmt.Println("@" + order)
	answer, err := bufio.NewReader(os.Stdin).ReadString('\n')
	Check(err)
	Equal(answer, "ok\n")
}

// Fail ends the program with the place that called it.
func Fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n%s", append(args, debug.Stack())...)
	os.Exit(1)
}

// Check fails on an error.
func Check(err error) {
	if err != nil {
		Fail("%v", err)
	}
}

// Must returns the value of a call that has to succeed.
func Must[T any](value T, err error) T {
	Check(err)
	return value
}

// Equal fails unless both are the same.
func Equal[T comparable](got, want T) {
	if got != want {
		Fail("got %.200q, want %.200q", fmt.Sprint(got), fmt.Sprint(want))
	}
}

// EqualSlices fails unless both have the same elements.
func EqualSlices[T comparable](got, want []T) {
	if !slices.Equal(got, want) {
		Fail("got %q, want %q", got, want)
	}
}
