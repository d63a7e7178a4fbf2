/*
 * The last step of a report: into the queue, or, when Redis cannot take it, into the
 * spool; then the answer. A delivery outlives its request when the client leaves, and is
 * finished all the same.
 */

#ifndef ERRTRACK_NGX_MODULE_DELIVERY_HPP
#define ERRTRACK_NGX_MODULE_DELIVERY_HPP

#include "ngx_module/answer.hpp"
#include "ngx_module/edge.hpp"

#include <memory>
#include <string>

namespace errtrack __attribute__((visibility("hidden"))) {

struct Delivery {
    ngx_http_request_t *request = nullptr;  /* that waits; null before, and once it is gone */
    ngx_http_cleanup_t *cleanup = nullptr;
    std::string meta;
    std::string body;
    bool unverified = false;
    bool queued = true;                 /* false: it has its bounds in the spool alone */
    bool pending = false;               /* under way, and neither kept nor refused */
    bool in_doubt = false;              /* Redis was sent it and has not answered */
    Counted counted = {};
    std::uint64_t address = 0;          /* with key: whose share held counts in */
    std::uint64_t key = 0;
    std::size_t held = 0;               /* bytes of Process::shares, given back at the end */

    /* Refuses what is still pending: somebody ran out of memory on the way. */
    ~Delivery();
};

/* The request waits from now on; it is finalized when the report is kept or refused. */
void deliver(std::shared_ptr<Delivery> delivery, ngx_http_request_t *r,
             ngx_http_cleanup_t *cleanup) noexcept;

/* Answers a request that is waiting; refused: why, or null. Defined beside the handler. */
void answer_delivered(ngx_http_request_t *r, const Refusal *refused) noexcept;

}

#endif
