/*
 * PostgreSQL as the worker uses it: the only user of libpqxx in the daemon. A batch
 * is one transaction, and what it writes is settled by SQL functions (sql/api):
 * here rows are copied in and functions called. One connection, one thread.
 */

#ifndef ERRTRACK_WORKER_STORE_HPP
#define ERRTRACK_WORKER_STORE_HPP

#include "worker/record.hpp"

#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace errtrack {

/* Why a call on the store failed, by what to do about it. */
class StoreError : public std::runtime_error {
public:
    enum class Kind {
        down,       /* the connection is gone, or there was none: connect and try again */
        retry,      /* through no fault of the data: try again */
        overrun,    /* past the time or the size of a statement: try again with less */
        refused,    /* the database will never take this: the data are at fault */
    };
    StoreError(Kind kind, const std::string &what) : std::runtime_error(what), kind(kind) {}
    const Kind kind;
};

/* A record and its content, read once however often filing is tried. */
struct Filing {
    Record record;
    Content content;
};

struct FiledCounts {
    std::size_t stored = 0;
    std::size_t attachments = 0;    /* stored */
    std::size_t items = 0;          /* others that were stored */
    std::size_t duplicates = 0;     /* of all kinds, that were filed before */
    std::size_t seen = 0;           /* requests that were filed before */
    std::map<std::string_view, std::size_t> outcomes;   /* items, by the words of outcome.hpp */
};

/* What is wrong when it does not go back to 0. */
struct Alarms {
    long long dead_letters = 0;
    long long misplaced_rows = 0;   /* in default partitions */
    long long waiting_requests = 0; /* for GitLab's word on their keys */
};

/* A field of the projection (entry.hpp), as SQL makes it. */
struct ProjectedField {
    std::string name;
    std::string value;
};

/* What an edge has counted so far: requests of a project and hour, by reason. */
struct EdgeCount {
    std::string edge;
    std::string boot;
    std::int64_t hour = 0;          /* hours since 1970 */
    std::int64_t project = 0;
    std::string reason;             /* empty: accepted */
    std::int64_t requests = 0;
};

/* A rule of a project for its grouping, as text. */
struct StoredRule {
    std::int64_t project = 0;
    std::string kind;               /* fingerprint or stack */
    std::string rule;
};

/* The version of grouping of a project, and the one before. */
struct StoredVersion {
    std::int64_t project = 0;
    std::string algorithm;
    std::string previous;           /* empty: none */
    std::int64_t previous_until = 0;
};

/* Rules of a project that somebody tries, and those that it has. */
struct StoredTrial {
    std::int64_t project = 0;
    std::string id;
    std::string algorithm;
    std::vector<std::string> present_fingerprint;
    std::vector<std::string> present_stack;
    std::vector<std::string> tried_fingerprint;
    std::vector<std::string> tried_stack;
    unsigned events = 0;            /* to be looked at */
};

struct TrialEvent {
    std::string id;                 /* 32 hex digits */
    std::string received_at;
    std::int64_t issue = 0;
};

/* A client key that GitLab is to be asked about, at the database's time of asking. */
struct AskedKey {
    std::int64_t project = 0;
    std::string public_key;
    std::string at;
};

/* A request that waited, as the edge wrote it. */
struct WaitingRequest {
    std::string meta;
    std::string body;
};

/* A message that waits for its channel (sql/api/082_sending.sql). */
struct WaitingNotification {
    std::int64_t project = 0;
    std::int64_t channel = 0;
    std::int64_t id = 0;
    std::string channel_kind;
    std::string provider;           /* of a tracker */
    std::string sealed;             /* JSON: secrets by name */
    std::string files;              /* JSON: the same by names of files */
    std::string settings;           /* JSON */
    std::string tracker_url;
    std::int64_t external_id = 0;
    std::string delivery_id;
    std::string notice;             /* JSON */
    std::string reference;          /* of the tracker's issue, if there is one */
    unsigned attempts = 0;
};

/* What became of one. */
struct SendingOutcome {
    enum class Verdict { sent, again, message, channel };

    std::int64_t project = 0;
    std::int64_t channel = 0;
    std::int64_t id = 0;
    Verdict verdict = Verdict::sent;
    std::string problem;            /* for people; of what was sent: whom it did not reach */
    double wait_seconds = 0;        /* again: not before */
    std::string reference;          /* of what a tracker made */
    std::string url;
};

struct SendingState {
    long long waiting = 0;          /* messages */
    long long failing = 0;          /* channels that did not take the last one */
    long long parked = 0;           /* of those, the ones that are tried once an hour */
    double oldest_seconds = 0;      /* that a message has waited; 0: there is none */
};

class Store {
public:
    /* keys_elsewhere: what a key stands for that is not known here is for GitLab to say,
     * so its requests are not filed but wait (sql/api/035_gitlab_keys.sql). */
    explicit Store(std::string conninfo, bool keys_elsewhere = false);
    ~Store();
    Store(const Store &) = delete;
    Store &operator=(const Store &) = delete;

    /* All of these connect when there is no connection, and throw StoreError. */
    FiledCounts file(const std::vector<Filing> &filings);
    void bury(const Record &record, const std::string &reason);
    /* Adds what counts have grown by since they were last booked. False: another worker
     * is booking, and nothing was done. */
    bool book_requests(const std::vector<EdgeCount> &counts);
    Alarms alarms();
    void make_partitions();
    /* Removes counters and dead letters that are past their time. */
    void sweep(unsigned keep_days);

    enum class Retained { all, more, busy };
    /* Removes some of what is older than so many days. busy: not now, another is at it. */
    Retained retain(unsigned keep_days);
    void forget_items(unsigned keep_days);
    /* Returns how many monitors are found to be late, or running too long. */
    unsigned mark_missed_check_ins();
    unsigned end_long_reports();

    /* Removes some of what deleted projects left. False: there is more. */
    bool purge();

    /* Ends what issues were ignored until, folds tags, goes on with splits. False: there
     * is more. */
    bool tend_issues();

    /* Takes the duty to ask GitLab, until the connection ends. False: another worker has it. */
    bool take_key_duty();
    std::vector<AskedKey> keys_to_ask();
    /* False: it is enabled in a project of GitLab's whose id another project has here. */
    bool key_answered(const AskedKey &key, bool enabled);
    /* Hands some requests that need not wait any more to requeue, and forgets them when it
     * returns. Returns how many. */
    template <class Requeue>
    std::size_t release_requests(Requeue requeue)
    {
        ReleaseTurn turn(*this);
        for (const WaitingRequest &each : turn.requests) {
            requeue(each);
        }
        turn.end();
        return turn.requests.size();
    }

    /* Takes the duty to tell people for some seconds, or keeps it. False: another has it. */
    bool take_notification_duty(const std::string &holder);
    /* Turns what happened into messages. Returns how much, to be called until it is none; and what
     * could not be told. */
    unsigned plan_notifications(std::string &problem);
    /* Forgets what nobody wants to be told. */
    void drop_untold();
    /* Looks for what is frequent, rising, refused or late (behind_seconds of the oldest report), in
     * some projects with ids above one. Returns the last of them, 0 when there are none; and what
     * could not be looked at. */
    std::int64_t watch_alerts(double behind_seconds, std::int64_t after, std::string &problem);
    /* The oldest message of each channel that may be tried now, but for those that are busy. */
    std::vector<WaitingNotification> next_notifications(const std::vector<std::int64_t> &busy, unsigned most);
    /* Returns what comes of it: sent, waiting, failed or parked; gone: somebody else noted it. */
    std::string note_sending(const SendingOutcome &outcome);
    SendingState sending_state();

    /* Whether keys, projects or their settings changed since the last call. True after connecting,
     * since notifications may have been missed. */
    bool keys_changed();

    /* Settings of projects that have some, as JSON (event_settings.hpp), and whether they
     * changed since the last call, in the manner of keys_changed(). */
    std::vector<std::pair<std::int64_t, std::string>> event_settings();
    bool event_settings_changed();
    /* The same for rules of grouping. */
    bool grouping_changed();
    std::vector<StoredRule> grouping_rules();
    /* Of projects that go by another than the newest, or are switching. */
    std::vector<StoredVersion> grouping_versions();

    std::optional<StoredTrial> claim_rule_trial();
    /* The newest ones of a project. */
    std::vector<TrialEvent> rule_trial_events(std::int64_t project, unsigned most);
    /* Empty when it is gone. */
    std::string rule_trial_body(std::int64_t project, const TrialEvent &event);
    /* The issues that have some of the hashes. */
    std::map<std::string, std::int64_t> rule_trial_known(std::int64_t project, const std::vector<std::string> &hashes);
    void finish_rule_trial(std::int64_t project, const std::string &id, const std::string &result);

    /* Reads the projection and hands it to write while no other worker does the
     * same, so that an older reading can never replace a newer one. */
    template <class Write>
    void project_keys(Write write)
    {
        ProjectionTurn turn(*this);
        write(turn.fields);
        turn.end();
    }

private:
    struct Connection;

    Connection &connection();
    /* A transaction in which the caller does something elsewhere; rolled back unless it is
     * ended. */
    struct Turn {
        explicit Turn(Store &owner) : store(owner) {}
        ~Turn();
        Turn(const Turn &) = delete;
        Turn &operator=(const Turn &) = delete;
        void end();

        Store &store;
    };

    /* Other workers wait for it. */
    struct ProjectionTurn : Turn {
        explicit ProjectionTurn(Store &owner);

        std::vector<ProjectedField> fields;
    };

    struct ReleaseTurn : Turn {
        explicit ReleaseTurn(Store &owner);

        std::vector<WaitingRequest> requests;
    };

    template <class Body>
    auto translated(Body body) -> decltype(body());

    std::string conninfo_;
    const bool keys_elsewhere_;
    std::unique_ptr<Connection> connection_;
};

}

#endif
