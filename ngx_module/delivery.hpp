/*
 * The last step of a report: into the queue, or, when Redis cannot take it, into the
 * spool; then the answer. A delivery outlives its request when the client leaves, and is
 * finished all the same.
 */

#ifndef ERRTRACK_NGX_MODULE_DELIVERY_HPP
#define ERRTRACK_NGX_MODULE_DELIVERY_HPP

#include "ngx_module/edge.hpp"

#include <memory>
#include <string>

namespace errtrack __attribute__((visibility("hidden"))) {

struct Delivery {
    ngx_http_request_t *request;        /* null once the request is gone */
    ngx_http_cleanup_t *cleanup;
    std::string meta;
    std::string body;
    bool unverified;
    Counted counted;
    std::uint64_t address;              /* with counted.project: whose share held counts in */
    std::uint64_t key;
    std::size_t held;                   /* bytes of Process::shares, given back at the end */

    ~Delivery();
};

/* The request waits from now on; it is finalized when the report is kept or refused. */
void deliver(std::shared_ptr<Delivery> delivery);

/* Answers a request that is waiting. Defined beside the handler. */
void answer_delivered(ngx_http_request_t *r, bool kept) noexcept;

}

#endif
