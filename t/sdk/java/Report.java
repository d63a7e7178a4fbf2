import io.sentry.Attachment;
import io.sentry.Breadcrumb;
import io.sentry.ITransaction;
import io.sentry.Sentry;
import io.sentry.SentryLevel;
import io.sentry.protocol.SentryId;
import io.sentry.protocol.User;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What an application does with the unmodified Java SDK: report sends one of each item,
 * serve what it is told line by line. Its class Later is what versions have or have not.
 */
final class Report {
    static final class CheckoutException extends RuntimeException {
        CheckoutException(String message, Throwable cause) {
            super(message, cause);
        }
    }

    static void charge(int amount) {
        throw new IllegalArgumentException("amount " + amount + " is out of range");
    }

    static void checkout() {
        try {
            charge(-1);
        } catch (IllegalArgumentException error) {
            throw new CheckoutException("checkout failed", error);
        }
    }

    static void say(String item, SentryId event) {
        System.out.println("{\"item\":\"" + item + "\"" + (event == null ? "" : ",\"event_id\":\"" + event + "\"") + "}");
    }

    static void without(String item, String why) {
        System.out.println("{\"item\":\"" + item + "\",\"offered\":false,\"why\":\"" + why + "\"}");
    }

    static SentryId exception() {
        Sentry.startSession();
        try {
            checkout();
        } catch (CheckoutException error) {
            SentryId id = Sentry.captureException(error);
            say("exception", id);
            return id;
        } finally {
            Sentry.endSession();
        }
        return SentryId.EMPTY_ID;
    }

    static void message() {
        Sentry.startSession();
        say("message", Sentry.captureMessage("the cache is cold", SentryLevel.WARNING));
        Sentry.endSession();
    }

    static void fingerprint() {
        for (int number = 1; number <= 2; number++) {
            say("fingerprint", Sentry.captureMessage("payment provider " + number + " is away",
                scope -> scope.setFingerprint(List.of("payment-provider"))));
        }
    }

    static void attachment() {
        byte[] note = "kept with the event".getBytes(StandardCharsets.UTF_8);
        say("attachment", Sentry.captureMessage("with a note",
            scope -> scope.addAttachment(new Attachment(note, "note.txt", "text/plain"))));
    }

    static void transaction() {
        ITransaction transaction = Sentry.startTransaction("GET /checkout", "http.server");
        transaction.startChild("db").finish();
        transaction.finish();
        say("transaction", null);
    }

    static void report() {
        SentryId event = exception();
        message();
        fingerprint();
        attachment();
        Later.feedback(event);
        Later.checkIn();
        transaction();
        say("session", null);
    }

    static final Pattern TEXT = Pattern.compile("\"message\":\"([^\"]*)\"");
    static final Pattern BYTES = Pattern.compile("\"bytes\":\"?(\\d+)");

    /** Lines are JSON with texts that need no escapes. */
    static void serve() throws java.io.IOException {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = lines.readLine()) != null;) {
            Matcher text = TEXT.matcher(line);
            Matcher bytes = BYTES.matcher(line);
            if (!text.find()) {
                throw new IllegalArgumentException("no message: " + line);
            }
            String large = bytes.find() ? printable(Integer.parseInt(bytes.group(1))) : null;
            Sentry.captureMessage(text.group(1), scope -> {
                if (large != null) {
                    scope.setExtra("large", large);
                }
            });
            Sentry.flush(10_000);
            System.out.println("{\"done\":\"" + text.group(1) + "\"}");
        }
    }

    static String printable(int count) {
        StringBuilder text = new StringBuilder(count);
        new Random().ints(count, '0', 'z' + 1).filter(one -> one != '\\').forEach(one -> text.append((char) one));
        return text.toString();
    }

    public static void main(String[] arguments) throws java.io.IOException {
        Sentry.init(options -> {
            options.setDsn(System.getenv("ERRTRACK_DSN"));
            options.setRelease("shop@1.0.0");
            options.setEnvironment("production");
            options.setTracesSampleRate(1.0);
        });
        Sentry.configureScope(scope -> {
            User user = new User();
            user.setId("17");
            user.setEmail("ada@example.com");
            scope.setUser(user);
            scope.setTag("tier", "gold");
            scope.setContexts("order", Map.of("id", 42));
        });
        Breadcrumb added = new Breadcrumb("item added");
        added.setCategory("cart");
        Sentry.addBreadcrumb(added);
        switch (arguments[0]) {
            case "report" -> report();
            case "serve" -> serve();
            default -> throw new IllegalArgumentException("neither report nor serve: " + arguments[0]);
        }
        Sentry.flush(10_000);
        Sentry.close();
    }

    private Report() {}
}
