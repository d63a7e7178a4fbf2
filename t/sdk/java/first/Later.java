/** What the SDK has only from 8 on: nothing of it. */
final class Later {
    static void feedback(io.sentry.protocol.SentryId event) {
        io.sentry.UserFeedback feedback = new io.sentry.UserFeedback(event, "Ada", "ada@example.com", "it broke");
        io.sentry.Sentry.captureUserFeedback(feedback);
        Report.say("feedback", null);
    }

    static void checkIn() {
        Report.without("check_in", "the SDK has no check-ins");
    }

    private Later() {}
}
