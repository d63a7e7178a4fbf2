// Reports through the unmodified Go SDK.
//
//	ERRTRACK_DSN=… report report    sends the canonical report, one line on stdout an item
//	ERRTRACK_DSN=… report serve     captures a message for each line on stdin
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"runtime"
	"time"

	"github.com/getsentry/sentry-go"
)

// Go's own errors know nothing of where they were made. This one keeps it in the way of
// github.com/pkg/errors, which the SDK looks for.
type RangeError struct {
	text  string
	stack []uintptr
}

func (e *RangeError) Error() string         { return e.text }
func (e *RangeError) StackTrace() []uintptr { return e.stack }

type CheckoutError struct{ cause error }

func (e *CheckoutError) Error() string { return "checkout failed" }
func (e *CheckoutError) Unwrap() error { return e.cause }

//go:noinline
func charge(amount int) error {
	stack := make([]uintptr, 16)
	stack = stack[:runtime.Callers(1, stack)]
	return &RangeError{fmt.Sprintf("amount %d is out of range", amount), stack}
}

//go:noinline
func checkout() *sentry.EventID {
	if err := charge(-1); err != nil {
		return sentry.CaptureException(&CheckoutError{err})
	}
	return nil
}

func tell(item string, id *sentry.EventID) {
	row := map[string]any{"item": item}
	if id != nil {
		row["event_id"] = *id
	}
	line, _ := json.Marshal(row)
	fmt.Println(string(line))
}

func without(item, why string) {
	line, _ := json.Marshal(map[string]any{"item": item, "offered": false, "why": why})
	fmt.Println(string(line))
}

func message(text string, set func(*sentry.Scope)) (id *sentry.EventID) {
	sentry.WithScope(func(scope *sentry.Scope) {
		set(scope)
		id = sentry.CaptureMessage(text)
	})
	return
}

func report() {
	sentry.ConfigureScope(func(scope *sentry.Scope) {
		scope.SetUser(sentry.User{ID: "17", Email: "ada@example.com"})
		scope.SetTag("tier", "gold")
		scope.SetContext("order", map[string]interface{}{"id": 42})
	})
	sentry.AddBreadcrumb(&sentry.Breadcrumb{Category: "cart", Message: "item added"})

	tell("exception", checkout())
	tell("message", message("the cache is cold", func(scope *sentry.Scope) {
		scope.SetLevel(sentry.LevelWarning)
	}))
	for n := 1; n <= 2; n++ {
		tell("fingerprint", message(fmt.Sprintf("payment provider %d is away", n), func(scope *sentry.Scope) {
			scope.SetFingerprint([]string{"payment-provider"})
		}))
	}
	attachment()
	without("feedback", "sentry-go has no user feedback")
	checkIn()

	transaction := sentry.StartSpan(context.Background(), "http.server", inTransaction("GET /checkout"))
	child := transaction.StartChild("db.query")
	child.Description = "select 1"
	child.Finish()
	transaction.Finish()
	tell("transaction", nil)

	without("session", "sentry-go has no sessions")
	if !sentry.Flush(10 * time.Second) {
		fmt.Fprintln(os.Stderr, "the SDK could not send everything within 10 s")
		os.Exit(1)
	}
}

func filler(size int) string {
	text := make([]byte, size)
	for i := range text {
		text[i] = byte('a' + rand.Intn(26))
	}
	return string(text)
}

func serve() {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var order struct {
			Message string
			Bytes   int
		}
		if err := json.Unmarshal(lines.Bytes(), &order); err != nil {
			fmt.Fprintln(os.Stderr, err)
			continue
		}
		message(order.Message, func(scope *sentry.Scope) {
			if order.Bytes > 0 {
				scope.SetContext("filler", map[string]interface{}{"text": filler(order.Bytes)})
			}
		})
		sentry.Flush(10 * time.Second)
		line, _ := json.Marshal(map[string]string{"done": order.Message})
		fmt.Println(string(line))
	}
}

func main() {
	if len(os.Args) != 2 || os.Args[1] != "report" && os.Args[1] != "serve" {
		fmt.Fprintln(os.Stderr, "usage: report report|serve")
		os.Exit(2)
	}
	err := sentry.Init(sentry.ClientOptions{
		Dsn:              os.Getenv("ERRTRACK_DSN"),
		Release:          "shop@1.0.0",
		Environment:      "production",
		EnableTracing:    true,
		TracesSampleRate: 1,
		Debug:            os.Getenv("ERRTRACK_SDK_DEBUG") != "",
		DebugWriter:      os.Stderr,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if os.Args[1] == "serve" {
		serve()
	} else {
		report()
	}
}
