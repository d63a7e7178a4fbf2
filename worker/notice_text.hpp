/*
 * A notice in words, for people. All texts are one line each and free of control characters;
 * whatever markup they hold is for the channel to take the sting out of (markup.hpp). Pure.
 */

#ifndef ERRTRACK_WORKER_NOTICE_TEXT_HPP
#define ERRTRACK_WORKER_NOTICE_TEXT_HPP

#include "worker/notice.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace errtrack {

struct NoticeFact {
    std::string_view name;              /* "First seen" */
    std::string value;
};

struct NoticeText {
    std::string subject;                /* [shop] SHOP-1A New: ValueError: invalid literal */
    std::string happened;               /* Back after it was resolved in 1.2.0 by jo@example.com */
    std::string short_id;               /* of the issue; these three may be empty */
    std::string title;
    std::string culprit;
    std::vector<std::string> lines;     /* of a digest: what is in it */
    std::vector<NoticeFact> facts;      /* at most ten */
    std::string link;                   /* empty without a base, or what it could be to */
    std::string_view opens;             /* what it does: Open the issue */
};

/* base is the address of the pages, without a slash at its end. */
NoticeText text_of(const Notice &notice, std::string_view base);

/* All of it but the subject, in lines. */
std::string plain_text(const NoticeText &text);

/* The page of the issue, or the list of those of a digest; empty without a base or any. */
std::string page_of(const Notice &notice, std::string_view base);

}

#endif
