import io.sentry.CheckIn;
import io.sentry.CheckInStatus;
import io.sentry.Sentry;
import io.sentry.protocol.Feedback;
import io.sentry.protocol.SentryId;

/** What the SDK has only from 8 on. */
final class Later {
    static void feedback(SentryId event) {
        Feedback feedback = new Feedback("it broke");
        feedback.setName("Ada");
        feedback.setContactEmail("ada@example.com");
        feedback.setAssociatedEventId(event);
        Sentry.captureFeedback(feedback);
        Report.say("feedback", null);
    }

    static void checkIn() {
        SentryId id = Sentry.captureCheckIn(new CheckIn("nightly", CheckInStatus.IN_PROGRESS));
        CheckIn done = new CheckIn(id, "nightly", CheckInStatus.OK);
        done.setDuration(3.0);
        Sentry.captureCheckIn(done);
        Report.say("check_in", null);
    }

    private Later() {}
}
