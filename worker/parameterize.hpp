/*
 * Data inside messages and exception values, replaced by placeholders: the numbers,
 * ids, addresses and times that differ from one event of an error to the next. What
 * is meaning stays: status codes, error numbers, well-known words with digits.
 *
 * Rules: grouping reference, sections 12.3 and 12.4, algorithm g1. They never change
 * within an algorithm: a word more in a list is another version.
 */

#ifndef ERRTRACK_WORKER_PARAMETERIZE_HPP
#define ERRTRACK_WORKER_PARAMETERIZE_HPP

#include <string>
#include <string_view>

namespace errtrack {

/* Text is UTF-8 of any content. Time and memory are linear in its length: each pass
 * looks a bounded number of bytes ahead, or goes on behind what it has looked at. */
std::string parameterize(std::string_view text);

}

#endif
