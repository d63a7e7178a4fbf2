/*
 * Schedules in the five fields of crontab(5): lists, ranges, steps, names of months and days,
 * and words such as @daily. Pure.
 */

#ifndef ERRTRACK_WORKER_CRONTAB_HPP
#define ERRTRACK_WORKER_CRONTAB_HPP

#include <bitset>
#include <optional>
#include <string_view>

namespace errtrack {

struct Crontab {
    using Field = std::bitset<64>;       /* a bit for each number that the field allows */

    Field minutes;                       /* 0 to 59 */
    Field hours;                         /* 0 to 23 */
    Field days;                          /* of the month, 1 to 31 */
    Field months;                        /* 1 to 12 */
    Field weekdays;                      /* 0 to 6, Sunday is 0 */
    bool either = false;                 /* a day of the month or of the week will do, since
                                          * the schedule restricts both */
};

/* Nothing when text is no schedule, or one that no day ever meets. */
std::optional<Crontab> parse_crontab(std::string_view text);

}

#endif
