/*
 * How far a command that takes a while has got, on standard error: a line that changes on
 * a terminal, else one now and then.
 */

#ifndef ERRTRACK_WORKER_ADMIN_PROGRESS_HPP
#define ERRTRACK_WORKER_ADMIN_PROGRESS_HPP

#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <iostream>
#include <string>

namespace errtrack {

class Progress {
public:
    explicit Progress(std::size_t total)
        : total_(total), terminal_(isatty(STDERR_FILENO) == 1)
    {
    }

    ~Progress() { end(); }

    /* So many are done, this one last. */
    void show(std::size_t done, const std::string &what)
    {
        auto now = std::chrono::steady_clock::now();
        auto every = terminal_ ? std::chrono::milliseconds(200) : std::chrono::seconds(10);
        if (now - shown_ < every) {
            return;
        }
        shown_ = now;
        std::cerr << (terminal_ ? "\r\033[K" : "") << done << " of " << total_ << ": " << what
                  << (terminal_ ? "" : "\n") << std::flush;
        open_ = terminal_;
    }

    /* Before anything else is written. */
    void end()
    {
        if (open_) {
            std::cerr << "\r\033[K" << std::flush;
            open_ = false;
        }
    }

private:
    const std::size_t total_;
    const bool terminal_;
    bool open_ = false;
    std::chrono::steady_clock::time_point shown_ = std::chrono::steady_clock::now();
};

}

#endif
