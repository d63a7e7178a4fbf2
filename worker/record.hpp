/*
 * One accepted request as the worker sees it: what the edge wrote about it, and what
 * its body turns out to hold. Pure but for the clock, which is a parameter.
 */

#ifndef ERRTRACK_WORKER_RECORD_HPP
#define ERRTRACK_WORKER_RECORD_HPP

#include "worker/attachment.hpp"
#include "worker/event.hpp"
#include "worker/event_settings.hpp"
#include "worker/item.hpp"
#include "worker/stream.hpp"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace errtrack {

struct Record {
    std::string meta;               /* as written by the edge, for dead letters */
    std::string body;
    std::string delivery_id;        /* 32 hex digits */
    std::int64_t received_at = 0;   /* microseconds since 1970 (UTC), clamped */
    std::int64_t project = 0;
    std::string public_key;         /* only when the edge could not check it */
    std::string endpoint;
    std::string event_id;
    std::string encoding;
    std::string content_type;
    std::string address;
    std::string agent;              /* User-Agent */
    std::string client;             /* name and version of the SDK */
    std::string query;
    std::string request_id;
    std::string items;              /* of the body, as the edge counted: "event:1,attachment:2" */
    std::string filter;             /* that the request met; the body is empty then */
    std::uint8_t dropped = 0;       /* a bit for each Category whose quota was used up */
    std::size_t plain_bytes = 0;    /* of the body when inflated, as the edge counted */
};

/* What became of an item that is not to be stored. */
struct ItemOutcome {
    std::string category;
    std::string_view outcome;
    std::string reason;
};

/* The content of a record. */
struct Content {
    std::vector<Event> events;      /* one at most, but for the reports of browsers */
    std::vector<Attachment> attachments;
    std::vector<Item> items;
    std::vector<ItemOutcome> outcomes;
};

/* A format that this program does not know: an edge is newer than it. */
class UnknownVersion : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/* Splits an entry into its records. Throws UnknownVersion, and std::invalid_argument
 * for an entry that breaks the format. */
std::vector<Record> records_of(const QueueEntry &entry, std::int64_t now);

/* How many records an entry means to hold. */
std::size_t count_records(const QueueEntry &entry) noexcept;

/* The entry as entries of one record each; fields that belong to none go with the record
 * in front of them. All have its id. */
std::vector<QueueEntry> parts_of(const QueueEntry &entry);

/* Never throws for what a client sent: bad input is an outcome, and so is an attachment of
 * more bytes than that. Settings and grouping are those of the record's project. */
Content read_content(const Record &record, std::size_t attachment_bytes = attachment_bytes_default,
                     const EventSettings &settings = EventSettings(),
                     const ProjectGrouping &grouping = ProjectGrouping());

}

#endif
