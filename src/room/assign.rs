//! Who gets which provider, and when: what holds under every topology.
//!
//! After each input that matters the room settles: the line first, in its order; then leeches whom not every piece
//! reaches; then one more provider for those with the fewest, until nothing can be added. Whatever is decided
//! is told at once, the provider first, so that it knows of the leech before its offer comes.

use std::collections::BTreeSet;

use super::member::Member;
use super::topology::{Rank, View};
use super::{MAX_BAD_PIECES, Room};
use crate::protocol::id::PeerId;
use crate::protocol::signalling::ServerMessage;

/// Providers that a leech should have where it may have several, so that the loss of one stops nobody.
pub(super) const FEW_PROVIDERS: usize = 3;
/// Links that failed between two members, beyond which more make no difference to the choice.
const MOST_LOST_LINKS: u32 = 3;

/// Which providers are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Only {
    /// All that the topology allows.
    Any,
    /// Those who do not hold every piece yet.
    Partial,
    /// Those whom every piece reaches.
    Fed,
    /// Those who hold every piece.
    Complete,
}

/// How a provider compares with others for one leech: links that failed, then the topology's rank.
type Key = (u32, Rank);

impl Room {
    /// Hands out what can be handed out, if anything changed, and tells the line.
    pub(super) fn settle(&mut self) {
        if std::mem::take(&mut self.unsettled) {
            self.enqueue();
            self.refresh();
            self.serve_line();
            self.feed_islands();
            // What that freed belongs to the line first.
            self.serve_line();
            self.add_more();
        }
        self.tell_line();
    }

    pub(super) fn view(&self) -> View<'_> {
        View { members: &self.members, links: &self.links, fed: &self.fed }
    }

    /// Leeches without any provider wait, also while they are away; nobody else does.
    fn enqueue(&mut self) {
        for member in self.members.iter() {
            if !member.is_leech() {
                self.waiting.remove(member.peer);
            } else if self.links.provider_count(member.peer) == 0 {
                self.waiting.push(member.peer);
            }
        }
    }

    /// Works out anew whom every piece reaches and who could serve one more.
    pub(super) fn refresh(&mut self) {
        self.fed.clear();
        let sources = self.members.in_any_order().filter(|member| member.is_source());
        self.links.spread(sources.map(|member| member.peer), &mut self.fed);
        let view = View { members: &self.members, links: &self.links, fed: &self.fed };
        self.topology.refresh(&view);
        self.refresh_offers();
    }

    fn refresh_offers(&mut self) {
        let view = self.view();
        let offers = self
            .members
            .in_any_order()
            .filter(|member| member.is_online() && self.has_free_slot(member))
            .filter(|member| self.topology.serves(member, &view))
            .map(|member| member.peer)
            .collect();
        self.offers = offers;
    }

    fn has_free_slot(&self, member: &Member) -> bool {
        !self.topology.slots_bind()
            || self.links.leech_count(member.peer) < usize::from(member.slots)
    }

    fn is_here(&self, peer: PeerId) -> bool {
        self.members.get(peer).is_some_and(Member::is_online)
    }

    /// First come first served, as long as anyone can be.
    fn serve_line(&mut self) {
        while !self.waiting.is_empty() {
            let spare = self.has_spare();
            let mut passed_over = false;
            let mut served = false;
            for leech in self.waiting.snapshot() {
                if !self.is_here(leech) {
                    continue;
                }
                if let Some(provider) = self.find(leech, Only::Any) {
                    self.link(leech, provider);
                } else if !(spare && self.steal(leech, Only::Any, 2)) {
                    passed_over = true;
                    continue;
                }
                served = true;
                if passed_over {
                    // Whoever is served now may serve someone before it in line who could not be served so far.
                    break;
                }
            }
            if !served {
                return;
            }
        }
    }

    /// Leeches with providers of whom none has a way to every piece: they get one that has.
    fn feed_islands(&mut self) {
        if self.fed.is_empty() {
            return;
        }
        let islands: Vec<PeerId> = self
            .members
            .iter()
            .filter(|member| member.is_online() && member.is_leech())
            .map(|member| member.peer)
            .filter(|peer| !self.fed.contains(peer) && self.links.provider_count(*peer) > 0)
            .collect();
        for leech in islands {
            if self.fed.contains(&leech) {
                continue;
            }
            if let Some(provider) = self.find(leech, Only::Fed) {
                self.link(leech, provider);
            } else if !self.steal(leech, Only::Fed, 2) {
                continue;
            }
            self.trim(leech, self.topology.max_providers());
        }
    }

    /// One more for each that has fewest, then for each that has fewest by then.
    fn add_more(&mut self) {
        let most = self.topology.max_providers();
        let mut changed = most > 1;
        while std::mem::take(&mut changed) {
            let richest = self.most_providers();
            for count in 1..most {
                if self.offers.is_empty() && count >= FEW_PROVIDERS {
                    break;
                }
                for leech in self.leeches_with(count) {
                    let found = self.best(leech, Only::Any);
                    let found = found.filter(|provider| !self.never_holds(leech, *provider));
                    if let Some(provider) = found {
                        self.link(leech, provider);
                    }
                    // A newcomer's own slots go to those who were here before, so it may take of theirs. Seeds are
                    // left where they are: they may have been asked for.
                    let may_take = count < FEW_PROVIDERS && count + 2 <= richest;
                    changed |= found.is_some()
                        || (may_take && self.steal(leech, Only::Partial, count + 2));
                }
            }
        }
    }

    /// Whether a link between two failed so often that it is worth no slot while there are others.
    fn never_holds(&self, leech: PeerId, provider: PeerId) -> bool {
        self.lost_links(leech, provider) >= MOST_LOST_LINKS
    }

    /// Leeches online with so many providers.
    fn leeches_with(&self, count: usize) -> Vec<PeerId> {
        self.members
            .iter()
            .filter(|member| member.is_online() && member.is_leech())
            .map(|member| member.peer)
            .filter(|peer| self.links.provider_count(*peer) == count)
            .collect()
    }

    pub(super) fn suits(&self, provider: PeerId, only: Only) -> bool {
        match only {
            Only::Any => true,
            Only::Partial => !self.suits(provider, Only::Complete),
            Only::Fed => self.fed.contains(&provider),
            Only::Complete => self.members.get(provider).is_some_and(Member::is_complete),
        }
    }

    /// The best provider with a free slot; if there is none, one that is elected for it.
    pub(super) fn find(&mut self, leech: PeerId, only: Only) -> Option<PeerId> {
        let found = self.best(leech, only);
        if found.is_some() || !self.topology.elects() {
            return found;
        }
        let member = self.members.get(leech)?;
        let behind = self.behind(leech);
        let view = View { members: &self.members, links: &self.links, fed: &self.fed };
        let helpers: Vec<&Member> = self
            .members
            .in_any_order()
            .filter(|helper| helper.is_online() && self.has_free_slot(helper))
            .filter(|helper| self.suits(helper.peer, only))
            .filter(|helper| self.may_serve(member, helper, &behind))
            .collect();
        if !self.topology.elect(&helpers, &view) {
            return None;
        }
        self.refresh_offers();
        self.best(leech, only)
    }

    pub(super) fn best(&self, leech: PeerId, only: Only) -> Option<PeerId> {
        let member = self.members.get(leech)?;
        let behind = self.behind(leech);
        self.offers
            .iter()
            .filter(|provider| self.suits(**provider, only))
            .filter_map(|provider| {
                let candidate = self.members.get(*provider)?;
                let key = self.key(member, candidate, &behind)?;
                // Where only seeds are looked for, the owner is the surest.
                let owner_last = only == Only::Complete && !candidate.owner;
                Some((owner_last, key, *provider))
            })
            .min()
            .map(|(.., provider)| provider)
    }

    /// Those who must not serve a leech because they fetch from it, where the topology minds.
    pub(super) fn behind(&self, leech: PeerId) -> BTreeSet<PeerId> {
        let mut behind = BTreeSet::new();
        if self.topology.is_acyclic() && self.links.leech_count(leech) > 0 {
            self.links.spread([leech], &mut behind);
        }
        behind
    }

    fn may_serve(&self, leech: &Member, provider: &Member, behind: &BTreeSet<PeerId>) -> bool {
        let bad = leech.bad_pieces.get(&provider.peer).copied().unwrap_or_default();
        leech.peer != provider.peer
            && bad < MAX_BAD_PIECES
            && !provider.is_found_out()
            && !behind.contains(&provider.peer)
            && !self.links.serves(provider.peer, leech.peer)
    }

    pub(super) fn key(
        &self,
        leech: &Member,
        provider: &Member,
        behind: &BTreeSet<PeerId>,
    ) -> Option<Key> {
        if !self.may_serve(leech, provider, behind) {
            return None;
        }
        let lost = leech.lost_links.get(&provider.peer).copied().unwrap_or_default();
        let rank = self.topology.rank(leech, provider, &self.view())?;
        Some((lost.min(MOST_LOST_LINKS), rank))
    }

    pub(super) fn link(&mut self, leech: PeerId, provider: PeerId) {
        debug_assert!(self.members.get(provider).is_some_and(|member| self.has_free_slot(member)));
        self.waiting.remove(leech);
        self.links.add(leech, provider);
        self.send(provider, ServerMessage::Serve { peer: leech });
        let owner = self.members.owner();
        self.send(leech, ServerMessage::Assigned { peers: vec![provider], owner });
        if self.fed.contains(&provider) && !self.fed.contains(&leech) {
            self.links.spread([leech], &mut self.fed);
            self.refresh_offers();
        } else if self.members.get(provider).is_some_and(|member| !self.has_free_slot(member)) {
            self.offers.retain(|offer| *offer != provider);
        }
    }

    pub(super) fn unlink(&mut self, leech: PeerId, provider: PeerId) {
        if self.links.serves(provider, leech) {
            self.sever(leech, provider);
            self.refresh();
        }
    }

    /// Ends a link whose leech still fetches. Where the two serve each other both links end: they have one connection,
    /// and neither could tell which half of it is over. The other one looks elsewhere as well.
    pub(super) fn sever(&mut self, leech: PeerId, provider: PeerId) {
        self.links.remove(leech, provider);
        if self.links.remove(provider, leech) {
            self.unsettled = true;
            let bereft = self.links.provider_count(provider) == 0;
            if bereft && self.members.get(provider).is_some_and(Member::is_leech) {
                self.waiting.push(provider);
            }
        }
        self.send(provider, ServerMessage::Revoked { peer: leech });
        self.send(leech, ServerMessage::Revoked { peer: provider });
    }

    fn tell_line(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let seeds = self.topology.seeds_online(&self.members);
        let members = &self.members;
        let hears = |peer| members.get(peer).is_some_and(Member::is_online);
        for (leech, ahead) in self.waiting.news(seeds > 0, hears) {
            self.send(leech, ServerMessage::Waiting { ahead, seeds });
        }
    }
}
