package main

import "github.com/getsentry/sentry-go"

// What sentry-go had before 0.25: neither attachments nor check-ins.

func inTransaction(name string) sentry.SpanOption { return sentry.TransactionName(name) }

func attachment() { without("attachment", "sentry-go before 0.25 has no attachments") }

func checkIn() { without("check_in", "sentry-go before 0.23 has no check-ins") }
