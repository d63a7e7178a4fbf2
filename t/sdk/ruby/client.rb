# frozen_string_literal: true

# What an application does with the unmodified Ruby SDK: report sends one of each item,
# serve what it is told line by line.

require "json"
require "securerandom"
require "sentry-ruby"

class CheckoutError < StandardError; end

def charge(amount)
  raise RangeError, "amount #{amount} is out of range"
end

def checkout
  charge(-1)
rescue RangeError
  raise CheckoutError, "checkout failed"
end

def say(item, more = {})
  puts JSON.generate({ item: item }.merge(more))
end

def sent(item, event)
  say(item, event_id: event.event_id)
end

# Sessions are those of requests: here there are one with an error and one without.
def exception
  Sentry.with_session_tracking do
    checkout
  rescue CheckoutError => e
    sent("exception", Sentry.capture_exception(e))
  end
end

def message
  Sentry.with_session_tracking do
    sent("message", Sentry.capture_message("the cache is cold", level: :warning))
  end
end

def fingerprint
  [1, 2].each do |number|
    sent("fingerprint", Sentry.capture_message("payment provider #{number} is away", fingerprint: ["payment-provider"]))
  end
end

def transaction
  transaction = Sentry.start_transaction(name: "GET /checkout", op: "http.server")
  transaction.with_child_span(op: "db") {}
  transaction.finish
  say("transaction")
end

def report
  exception
  message
  fingerprint
  say("attachment", offered: false, why: "the SDK has no attachments")
  say("feedback", offered: false, why: "the SDK has no call for it")
  say("check_in", offered: false, why: "the SDK has no check-ins")
  transaction
  Sentry.session_flusher.flush
  say("session")
end

def serve
  $stdin.each_line do |line|
    told = JSON.parse(line)
    extra = told["bytes"] ? { large: SecureRandom.hex(told["bytes"].to_i / 2) } : {}
    Sentry.capture_message(told["message"], extra: extra)
    puts JSON.generate(done: told["message"])
  end
end

$stdout.sync = true
Sentry.init do |config|
  config.dsn = ENV.fetch("ERRTRACK_DSN")
  config.release = "shop@1.0.0"
  config.environment = "production"
  config.traces_sample_rate = 1.0
  # Sent before the call returns, so that nothing has to be waited for.
  config.background_worker_threads = 0
  config.logger = Logger.new($stderr)
end
Sentry.set_user(id: "17", email: "ada@example.com")
Sentry.set_tags(tier: "gold")
Sentry.set_context("order", id: 42)
Sentry.add_breadcrumb(Sentry::Breadcrumb.new(category: "cart", message: "item added"))
case ARGV[0]
when "report" then report
when "serve" then serve
else abort "neither report nor serve: #{ARGV[0]}"
end
