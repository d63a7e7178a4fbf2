/*
 * Requests by hour, project and reason, in memory that many processes share: a fixed
 * table of slots, counted in without a lock, published by one process at a time. Plain
 * atomics, which are good when all bytes are zero; knows nothing of nginx.
 *
 * What must stay true: a count that was added is published exactly once, under its hour,
 * or under a later one when its hour is over. So a slot's count and its generation are
 * one word, and whoever adds to it does so only if the slot still is what was found.
 */

#ifndef ERRTRACK_NGX_MODULE_LEDGER_TABLE_HPP
#define ERRTRACK_NGX_MODULE_LEDGER_TABLE_HPP

#include "worker/outcome.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace errtrack __attribute__((visibility("hidden"))) {

/* The words that are counted: none is "accepted", the last stands for every other. */
inline constexpr std::array reason_words = {
    reason::none,
    reason::rate_limited,
    reason::auth_missing,
    reason::auth_invalid,
    reason::auth_version,
    reason::key_malformed,
    reason::project_id,
    reason::method,
    reason::endpoint,
    reason::unavailable,
    reason::too_large,
    reason::no_data,
    reason::invalid_json,
    reason::invalid_envelope,
    reason::invalid_compression,
    reason::invalid_multipart,
    reason::invalid_form,
    reason::invalid_minidump,
    reason::content_encoding,
    reason::content_type,
    reason::event_id,
    reason::cors,
    reason::feature_disabled,
    reason::tunnel_host,
    reason::slow_client,
    reason::framing,
    reason::client_gone,
    reason::switched_off,
    reason::unverified,
    reason::duplicate_item,
    reason::project_deleted,
    reason::internal,
    reason::unconfirmed,
    std::string_view("other"),
};
inline constexpr std::size_t reasons = reason_words.size();

/* Where a word stands; that of "other" for an unknown one. */
std::size_t reason_index(std::string_view word) noexcept;

/* A host name as it may stand in a key of Redis: at most 64 of [A-Za-z0-9_.-]. */
std::string edge_name(std::string_view host);

class LedgerTable {
public:
    /* Slots of projects, and slots that only project 0 may take: what was refused before
     * it was authenticated, and what no other slot was free for. */
    static constexpr std::size_t project_slots = 8192;
    static constexpr std::size_t reserved_slots = 1024;
    static constexpr std::size_t slots = project_slots + reserved_slots;

    /* Hours before the present one whose slots are kept though they are published. */
    static constexpr std::uint64_t kept_hours = 2;

    /* Any process, any time. hour: seconds since 1970 / 3600. */
    void add(std::uint64_t hour, std::uint64_t project, std::size_t reason) noexcept;

    struct Field {
        std::uint64_t hour;
        std::uint64_t project;
        std::size_t reason;
        std::uint64_t value;        /* so far in that hour */
    };

    /* Fields that are to be published, by hour, and what to note when they are. */
    struct Batch {
        std::vector<Field> fields;

    private:
        friend class LedgerTable;
        struct Mark {
            std::size_t slot;
            std::uint64_t word;
            bool over;              /* its hour: the slot is freed */
        };
        std::vector<Mark> marks;
    };

    /*
     * The rest is for the process that has the duty to publish. collect gives what has
     * changed since it was published, each hour that is over once more as a whole.
     * published notes that Redis has all of a batch, and frees the slots of old hours.
     */
    Batch collect(std::uint64_t hour);
    void published(const Batch &batch, std::uint64_t hour) noexcept;

    /* Redis may not have what it acknowledged: all is collected anew. */
    void forget_published() noexcept;

private:
    /* All zero: free. word is generation, state and count; see ledger_table.cpp. */
    struct Slot {
        std::atomic<std::uint64_t> word;
        std::atomic<std::uint64_t> project;
        std::atomic<std::uint64_t> cell;        /* hour and reason */
        std::atomic<std::uint64_t> published;   /* count that Redis has acknowledged */
    };
    static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

    enum class Try { added, again, full };

    void place(std::uint64_t hour, std::uint64_t project, std::size_t reason,
               std::uint64_t count) noexcept;
    bool place_in(Slot *first, std::size_t size, std::size_t probes, std::uint64_t project,
                  std::uint64_t cell, std::uint64_t count) noexcept;
    static Try try_slots(Slot *first, std::size_t size, std::size_t probes,
                         std::uint64_t project, std::uint64_t cell, std::uint64_t count) noexcept;
    static bool add_if(Slot &slot, std::uint64_t word, std::uint64_t project,
                       std::uint64_t cell, std::uint64_t count) noexcept;
    void place_unplaced(std::uint64_t hour) noexcept;
    void settle(Slot &slot, std::uint64_t word, std::uint64_t hour) noexcept;

    /* Nothing is counted under an hour before it: those slots are freed. */
    std::atomic<std::uint64_t> open_from_;

    /* Found no slot at all; placed by the publisher when there is one. */
    std::atomic<std::uint64_t> unplaced_[reasons];

    Slot slots_[slots];
};

}

#endif
