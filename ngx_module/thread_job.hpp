/*
 * One piece of work at a time in nginx's thread pool, for a part of the process that is
 * no request: it may block, and the event loop goes on when it is done.
 */

#ifndef ERRTRACK_NGX_MODULE_THREAD_JOB_HPP
#define ERRTRACK_NGX_MODULE_THREAD_JOB_HPP

#include "ngx_module/ngx.hpp"

#include <condition_variable>
#include <functional>
#include <mutex>

namespace errtrack __attribute__((visibility("hidden"))) {

class ThreadJob {
public:
    using Step = std::function<void()>;

    ThreadJob(ngx_thread_pool_t *pool, ngx_log_t *log);

    /* Waits for the thread; what was to come after it is dropped. Declare a job behind
     * whatever its thread works on. */
    ~ThreadJob();
    ThreadJob(const ThreadJob &) = delete;
    ThreadJob &operator=(const ThreadJob &) = delete;

    /* Until after begins. Meanwhile the thread owns what it works on. */
    bool running() const noexcept { return running_; }

    /*
     * Only while none is running. in_thread runs in a thread, after then on the event loop,
     * where it may start the next one. An exception of either is logged, and after runs
     * all the same. False: the pool takes no more.
     */
    bool start(Step in_thread, Step after);

private:
    static void run(void *data, ngx_log_t *log) noexcept;
    static void complete(ngx_event_t *ev) noexcept;

    ngx_thread_pool_t *pool_;
    ngx_log_t *log_;
    ngx_thread_task_t task_ = {};
    Step in_thread_;
    Step after_;
    const char *failure_ = nullptr;     /* of the thread */
    bool running_ = false;
    std::mutex mutex_;
    std::condition_variable done_;
    bool in_pool_ = false;              /* guarded: the thread is not through yet */
};

}

#endif
