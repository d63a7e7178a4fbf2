/*
 * A task that is used again and again. When a process exits there is no event loop any
 * more to tell that a task is done, so the destructor has a way of its own to know.
 */

#include "ngx_module/thread_job.hpp"

namespace errtrack __attribute__((visibility("hidden"))) {

ThreadJob::ThreadJob(ngx_thread_pool_t *pool, ngx_log_t *log) : pool_(pool), log_(log)
{
    task_.ctx = this;
    task_.handler = run;
    task_.event.data = this;
    task_.event.log = log;
    task_.event.handler = complete;
}

ThreadJob::~ThreadJob()
{
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait(lock, [this] { return !in_pool_; });
}

bool ThreadJob::start(Step in_thread, Step after)
{
    in_thread_ = std::move(in_thread);
    after_ = std::move(after);
    running_ = true;
    in_pool_ = true;                    // before a thread can see it
    if (ngx_thread_task_post(pool_, &task_) != NGX_OK) {
        running_ = false;
        in_pool_ = false;
    }
    return running_;
}

/* Nothing of nginx may be used here, its logs included. */
void ThreadJob::run(void *data, ngx_log_t *) noexcept
{
    auto *job = static_cast<ThreadJob *>(data);
    try {
        job->in_thread_();
    } catch (const std::bad_alloc &) {
        job->failure_ = "out of memory";
    } catch (...) {
        job->failure_ = "unexpected exception";
    }
    std::lock_guard<std::mutex> lock(job->mutex_);
    job->in_pool_ = false;
    job->done_.notify_all();
}

void ThreadJob::complete(ngx_event_t *ev) noexcept
{
    auto *job = static_cast<ThreadJob *>(ev->data);
    job->running_ = false;
    if (const char *failure = std::exchange(job->failure_, nullptr)) {
        ngx_log_error(NGX_LOG_CRIT, job->log_, 0, "%s in a thread", failure);
    }
    Step after = std::move(job->after_);
    guarded(job->log_, "going on after a thread", [&] {
        after();
        return NGX_OK;
    });
}

}
