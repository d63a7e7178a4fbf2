package main

import "github.com/getsentry/sentry-go"

func inTransaction(name string) sentry.SpanOption { return sentry.WithTransactionName(name) }

func attachment() {
	tell("attachment", message("with a note", func(scope *sentry.Scope) {
		scope.AddAttachment(&sentry.Attachment{
			Filename:    "note.txt",
			ContentType: "text/plain",
			Payload:     []byte("kept with the event"),
		})
	}))
}

func checkIn() {
	id := sentry.CaptureCheckIn(&sentry.CheckIn{MonitorSlug: "nightly", Status: sentry.CheckInStatusInProgress}, nil)
	tell("check_in", nil)
	if id != nil {
		sentry.CaptureCheckIn(&sentry.CheckIn{ID: *id, MonitorSlug: "nightly", Status: sentry.CheckInStatusOK}, nil)
	}
}
