/* Reports through the unmodified native SDK.
 *
 *     ERRTRACK_DSN=… report report    sends the canonical report, one line on stdout an item
 *     ERRTRACK_DSN=… report serve     captures a message for each line on stdin
 *     ERRTRACK_DSN=… report crash     dies of a signal, and sends what is left of it
 *
 * Requests wait in a folder between two runs: ERRTRACK_SDK_FILES, else beside the program. */

#include <sentry.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void tell(const char *item, const sentry_uuid_t *id)
{
    char text[37];
    if (id) {
        sentry_uuid_as_string(id, text);
        printf("{\"item\": \"%s\", \"event_id\": \"%s\"}\n", item, text);
    } else {
        printf("{\"item\": \"%s\"}\n", item);
    }
}

static void without(const char *item, const char *why)
{
    printf("{\"item\": \"%s\", \"offered\": false, \"why\": \"%s\"}\n", item, why);
}

static sentry_uuid_t message(sentry_level_t level, const char *text)
{
    return sentry_capture_event(sentry_value_new_message_event(level, NULL, text));
}

/* There are no exceptions in C: they are what the program says they are, and the stack is
 * that of who says so. Its frames have the names that the linker exports. */
__attribute__((noinline)) sentry_uuid_t charge(int amount)
{
    char text[64];
    snprintf(text, sizeof text, "amount %d is out of range", amount);
    sentry_value_t event = sentry_value_new_event();
    sentry_value_t values = sentry_value_new_list();
    sentry_value_t outer = sentry_value_new_exception("CheckoutError", "checkout failed");
    sentry_value_set_by_key(outer, "stacktrace", sentry_value_new_stacktrace(NULL, 0));
    sentry_value_append(values, sentry_value_new_exception("RangeError", text));
    sentry_value_append(values, outer);
    sentry_value_t exception = sentry_value_new_object();
    sentry_value_set_by_key(exception, "values", values);
    sentry_value_set_by_key(event, "exception", exception);
    return sentry_capture_event(event);
}

__attribute__((noinline)) sentry_uuid_t checkout(void)
{
    sentry_uuid_t id = charge(-1);
    __asm__ volatile("");    /* no tail call: its frame stays */
    return id;
}

static void set_scope(void)
{
    sentry_value_t user = sentry_value_new_object();
    sentry_value_set_by_key(user, "id", sentry_value_new_string("17"));
    sentry_value_set_by_key(user, "email", sentry_value_new_string("ada@example.com"));
    sentry_set_user(user);
    sentry_set_tag("tier", "gold");
    sentry_value_t order = sentry_value_new_object();
    sentry_value_set_by_key(order, "id", sentry_value_new_int32(42));
    sentry_set_context("order", order);
    sentry_value_t crumb = sentry_value_new_breadcrumb(NULL, "item added");
    sentry_value_set_by_key(crumb, "category", sentry_value_new_string("cart"));
    sentry_add_breadcrumb(crumb);
}

static void report(void)
{
    set_scope();

    /* One that ends well. What is captured within one counts as its errors. */
    sentry_start_session();
    sentry_end_session();
    tell("session", NULL);

    sentry_uuid_t id = checkout();
    tell("exception", &id);
    id = message(SENTRY_LEVEL_WARNING, "the cache is cold");
    tell("message", &id);
    sentry_set_fingerprint("payment-provider", NULL);
    id = message(SENTRY_LEVEL_INFO, "payment provider 1 is away");
    tell("fingerprint", &id);
    id = message(SENTRY_LEVEL_INFO, "payment provider 2 is away");
    tell("fingerprint", &id);
    sentry_remove_fingerprint();
    without("feedback", "sentry-native before 0.5.1 has no user feedback");
    without("check_in", "sentry-native has no check-ins");
    without("transaction", "sentry-native before 0.4.16 has no transactions");
}

/* Files are attached for all of a run. */
static void report_attachment(void)
{
    sentry_uuid_t id = message(SENTRY_LEVEL_INFO, "with a note");
    tell("attachment", &id);
}

static char *filler(size_t size)
{
    char *text = malloc(size + 1);
    for (size_t i = 0; i < size; i++) text[i] = (char)('a' + rand() % 26);
    text[size] = 0;
    return text;
}

/* The SDK sends in the background, one after the other. A line is an object with plain text. */
static void serve(void)
{
    char line[4096];
    while (fgets(line, sizeof line, stdin)) {
        char text[4096] = "";
        unsigned long size = 0;
        const char *at = strstr(line, "\"message\"");
        if (!at || sscanf(at, "\"message\" : \"%4095[^\"]\"", text) != 1) continue;
        if ((at = strstr(line, "\"bytes\"")) && (at = strpbrk(at, "0123456789"))) size = strtoul(at, NULL, 10);
        sentry_value_t event = sentry_value_new_message_event(SENTRY_LEVEL_INFO, NULL, text);
        if (size) {
            char *rest = filler(size);
            sentry_value_t extra = sentry_value_new_object();
            sentry_value_set_by_key(extra, "filler", sentry_value_new_string(rest));
            sentry_value_set_by_key(event, "extra", extra);
            free(rest);
        }
        sentry_capture_event(event);
        printf("{\"done\": \"%s\"}\n", text);
        fflush(stdout);
    }
}

static void start(const char *files, const char *note)
{
    sentry_options_t *options = sentry_options_new();
    sentry_options_set_dsn(options, getenv("ERRTRACK_DSN"));
    sentry_options_set_database_path(options, files);
    sentry_options_set_release(options, "shop@1.0.0");
    sentry_options_set_environment(options, "production");
    sentry_options_set_auto_session_tracking(options, 0);
    sentry_options_set_symbolize_stacktraces(options, 1);
    sentry_options_set_debug(options, getenv("ERRTRACK_SDK_DEBUG") != NULL);
    if (note) sentry_options_add_attachment(options, note);
    if (sentry_init(options)) {
        fprintf(stderr, "the SDK does not start with ERRTRACK_DSN and files in %s\n", files);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    const char *mode = argc == 2 ? argv[1] : "";
    char files[4096], note[4200];
    snprintf(files, sizeof files, "%s", getenv("ERRTRACK_SDK_FILES"));
    snprintf(note, sizeof note, "%s/note.txt", files);

    if (!strcmp(mode, "report")) {
        start(files, NULL);
        report();
        sentry_close();
        FILE *out = fopen(note, "w");
        if (!out || fputs("kept with the event", out) < 0 || fclose(out)) return perror(note), 1;
        start(files, note);
        set_scope();
        report_attachment();
    } else if (!strcmp(mode, "serve")) {
        start(files, NULL);
        serve();
    } else if (!strcmp(mode, "crash")) {
        start(files, NULL);
        set_scope();
        sentry_start_session();
        *(volatile int *)1 = 1;
    } else {
        return fprintf(stderr, "usage: report report|serve|crash\n"), 2;
    }
    sentry_close();
    return 0;
}
