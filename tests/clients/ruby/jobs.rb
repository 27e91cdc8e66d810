# Sidekiq: jobs in lists, those for later and those to be tried again in sorted sets, what is known of workers in hashes.

require "json"
require "sidekiq"
require "sidekiq/api"
require "sidekiq/launcher"

# Seconds after which a case gives up waiting.
DEADLINE = 20

def wait_for(what)
  until_then = Process.clock_gettime(Process::CLOCK_MONOTONIC) + DEADLINE
  until yield
    raise "waited in vain: #{what}" if Process.clock_gettime(Process::CLOCK_MONOTONIC) > until_then

    Thread.pass
  end
end

def equal(got, want)
  raise "got #{got.inspect}, want #{want.inspect}" unless got == want
end

DONE = Queue.new

# Twice a number.
class Double
  include Sidekiq::Job

  def perform(number)
    DONE << ["double", (2 * number).to_s]
  end
end

# What succeeds when it is tried for the second time.
class Again
  include Sidekiq::Job
  sidekiq_options retry: 3
  sidekiq_retry_in { 0 }

  @tries = 0
  class << self
    attr_accessor :tries
  end

  def perform(word)
    raise "not yet" if (Again.tries += 1) < 2

    DONE << ["again", word]
  end
end

# Runs what waits, and what comes, while the block is executed.
def working
  launcher = Sidekiq::Launcher.new(Sidekiq.options)
  launcher.run
  yield
ensure
  launcher.stop
end

CASES = {
  "sidekiq_runs_jobs_now_later_and_again" => lambda {
    jobs = (1..3).map { |number| Double.perform_async(number) }
    equal(jobs.uniq.length, 3)
    equal(Sidekiq::Queue.new.size, 3)
    Double.perform_in(0.2, 21)
    equal(Sidekiq::ScheduledSet.new.size, 1)
    Again.perform_async("word")
    working do
      # What the process does every few seconds; what failed waits for some seconds otherwise.
      wait_for("it is time") do
        Sidekiq::Scheduled::Enq.new.enqueue_jobs
        Sidekiq::ScheduledSet.new.size.zero?
      end
      wait_for("it has failed") { Sidekiq::RetrySet.new.size == 1 }
      Sidekiq::RetrySet.new.retry_all
      done = Array.new(5) { DONE.pop }
      equal(done.sort, [["again", "word"], ["double", "2"], ["double", "4"], ["double", "42"], ["double", "6"]])
      wait_for("all is counted") { Sidekiq::Stats.new.processed == 6 && Sidekiq::Stats.new.failed == 1 }
      equal(Sidekiq::ProcessSet.new.size, 1)
    end
    equal([Sidekiq::Queue.new, Sidekiq::ScheduledSet.new, Sidekiq::RetrySet.new].map(&:size), [0, 0, 0])
  },
  "sidekiq_finds_deletes_and_enqueues_many_jobs" => lambda {
    Sidekiq::Client.push_bulk("class" => Double, "args" => (0...500).map { |number| [number] })
    queue = Sidekiq::Queue.new
    equal(queue.size, 500)
    equal(queue.map { |job| job.args[0] }.sort, (0...500).to_a)
    equal(queue.find { |job| job.args == [7] }.delete, true)
    equal(queue.size, 499)
    working { equal(Array.new(499) { DONE.pop[1] }.sort, ((0...500).to_a - [7]).map { |number| (2 * number).to_s }.sort) }
  }
}.freeze

if ARGV == ["--list"]
  puts CASES.keys
  exit
end

url = "redis://#{ENV.fetch('PREGON_HOST')}:#{ENV.fetch('PREGON_PORT')}"
Sidekiq.logger.level = Logger::FATAL
Redis.silence_deprecations = true
Sidekiq.configure_server { |config| config.redis = { url: url } }
Sidekiq.configure_client { |config| config.redis = { url: url } }
Sidekiq.options.merge!(queues: ["default"], concurrency: 3, timeout: 5)
CASES.fetch(ARGV[0]).call
